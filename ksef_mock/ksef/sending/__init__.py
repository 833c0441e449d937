"""Sending invoices: sessions, their invoices, the confirmations of receipt."""
