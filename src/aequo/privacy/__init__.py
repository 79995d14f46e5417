"""Privacy: personal data replaced, left out, weighed before release, and erased on request."""
