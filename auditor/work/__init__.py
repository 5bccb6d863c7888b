"""Work as plain tasks, what came of it, and engines that do it. Knows nothing of AWS or of audits."""
