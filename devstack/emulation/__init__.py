"""What the emulators have in common, whichever service they emulate.

`process` runs an emulator, `database` keeps its data, `front_door` counts each request and applies
`faults` to it, `bearer` verifies its token, `inspection` and `specs` serve `/_emulator`, and
`background` runs what nobody waits for. Both emulators use all of these.
"""
