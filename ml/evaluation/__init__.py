"""How good the detectors are: metrics, thresholds, rivals, and a report to read."""
