"""What schemathesis needs to know to search the running stack; `hooks` is loaded by it, and
`setup` is what the test tells the hooks."""
