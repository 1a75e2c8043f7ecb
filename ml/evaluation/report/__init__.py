"""The page that detectors are judged by."""

from ml.evaluation.report.page import EnrolledCar, write_report

__all__ = ["EnrolledCar", "write_report"]
