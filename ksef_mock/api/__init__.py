"""One module for each tag of the OpenAPI document, thin: parse, call, answer."""
