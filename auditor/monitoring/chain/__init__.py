"""From trail to human: whether an event that a filter catches would reach somebody. Pure values, no evidence."""
