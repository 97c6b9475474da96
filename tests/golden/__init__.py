"""Golden rows: rows that earlier versions of the product stored, and that every later version has
to read.

`rows/` holds a file for each table, with rows as the code of their time stored them: every kind of
row, every property, the JSON inside properties, rows that a kill has left half-way. Each test here
reads them as clients do, and finds the same people, friends, calls and meetings.

**When a test fails here, users' data would be lost.** Change the code and not the rows: what is
stored out there is as it is, and nobody edits it.

A new kind of row, or a new property, is recorded in addition: write a scene (`scenes/`), then run
`python -m tests.golden.record SCENE`, which starts a stack of its own, plays the scene with the
product's code, and adds the rows that it leaves. It refuses to change a row that is there.
"""
