"""One module a page: what it shows, as plain values, and what its buttons do."""
