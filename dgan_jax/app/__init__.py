"""The local page of `dgan app`: a server for this machine alone, a queue, and a process that restores."""
