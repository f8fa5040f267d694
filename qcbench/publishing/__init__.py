"""Results of many people as a static site: entries that are checked, and pages made of them."""
