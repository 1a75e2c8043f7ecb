"""Profiles of vehicles: what is usual on one car's bus, learnt from seconds of benign traffic."""

from ml.can.profiles.finding import Finding
from ml.can.profiles.learning import learn_profile
from ml.can.profiles.profile import VehicleProfile
from ml.can.profiles.review import review_enrolment

__all__ = ["Finding", "VehicleProfile", "learn_profile", "review_enrolment"]
