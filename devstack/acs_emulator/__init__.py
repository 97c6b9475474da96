"""A stand-in for Azure Communication Services on loopback: strict, so that what passes here works
against Azure. See README.md beside this file."""
