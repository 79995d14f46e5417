"""The straight lines that know several areas: from data to an assessment, from an assessment to a gate. No arithmetic here."""
