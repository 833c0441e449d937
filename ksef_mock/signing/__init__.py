"""What podpis.gov.pl and the cloud signatures are to the guide: somebody else who signs a document."""
