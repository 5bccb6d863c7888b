"""CloudTrail digest and log verification: ``fetch`` collects, ``digest`` and ``chain`` judge, ``verify`` joins them."""
