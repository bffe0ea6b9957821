"""The parts of a clean-up: what is asked, what is found, the plan, its guards, its execution and the way back."""
