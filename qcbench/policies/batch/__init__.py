"""What partition policies are made of: the problem, the games, splits, and cuts of one circuit."""
