"""XML Schema as KSeF judges by it: libxml2 decides what is valid, .NET's XmlSchemaValidator lends the words.

`Schema(path).faults(element)` is empty for a valid element; each `Fault` otherwise has the sentence that KSeF
puts into its details, and beside it what the sentence was made of.
"""

from ksef_mock.core.xsd.faults import Fault, Kind
from ksef_mock.core.xsd.schema import Schema

__all__ = ["Fault", "Kind", "Schema"]
