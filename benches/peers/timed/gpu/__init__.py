"""The same cases on a device, at several precisions, eager and compiled."""
