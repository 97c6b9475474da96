"""The local functions host: HTTP in front of Microsoft's own Python v1 worker runtime.

It reaches a function only through its `function.json`, as Azure does. Settings are the environment
variables of this process. Function keys (`authLevel`) are not enforced, as with the Core Tools.
"""

import mimetypes

# What this machine knows of file names: aiohttp's server reads it at import, which takes 6 ms and
# 0.3 MiB, though functions send no files.
mimetypes.knownfiles.clear()
