"""A trained model: how it is held, fed, asked, saved and told from another."""
