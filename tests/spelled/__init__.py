"""Tests of logins, tokens, certificates, permissions, test data and limits, with bodies in PascalCase.

So the official C# client writes them by default. Each module here repeats one of the others; the conftest
changes nothing but what the driver sends.
"""
