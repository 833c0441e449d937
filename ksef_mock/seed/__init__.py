"""What a mock knows from its start on."""
