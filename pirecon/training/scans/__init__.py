"""What training scans: images, how they are rendered, and the simulated scan of them."""
