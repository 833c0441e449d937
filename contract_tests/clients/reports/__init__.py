"""The forms of a report: terminal, JUnit XML, HTML."""
