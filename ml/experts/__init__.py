"""The detectors: window graphs in, one raw score a window out. One file a detector."""
