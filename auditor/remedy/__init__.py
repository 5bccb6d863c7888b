"""From a failed result to the smallest change that closes it, as files that a person reviews. Applies nothing."""
