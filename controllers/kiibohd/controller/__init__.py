"""The kiibohd controller's firmware: its boards, its own way of building it (cold), and ours (fast), which gives the same."""
