"""Tests of infrastructure code judged before deployment."""
