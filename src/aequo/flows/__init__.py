"""The straight lines that know several areas: from data to an assessment, and from it to a gate."""
