"""What both halves of the suite have in common: catalogues, verdicts, evidence, and the forms of a report.

catalogue.py    entries with an id, found in the modules of a package, chosen by patterns
exchange.py     a request and its answer as evidence
masking.py      without secrets
report.py       what a run found, whatever it judged
terminal.py     printing to a terminal, of texts that strangers may have written
junit.py        JUnit XML
html.py         one page, with the style sheet and the script in templates/
markdown.py     tables
"""
