"""Documents with one small change: what is said of them."""
