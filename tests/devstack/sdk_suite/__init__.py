"""Microsoft's own tests of its Call Automation SDK, run as they are against the ACS emulator.

The tests are Microsoft's, under the MIT licence. They are downloaded, and no part of this
repository.
"""
