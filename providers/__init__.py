"""Model servers: one protocol, several ways to reach a writer."""
