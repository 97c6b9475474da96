"""A stand-in for Microsoft Graph's online meetings on loopback: strict, so that what passes here
works against Graph. See README.md beside this file."""
