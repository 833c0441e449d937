"""The forms of a report: terminal, JUnit XML, HTML; and the catalogue as a document."""
