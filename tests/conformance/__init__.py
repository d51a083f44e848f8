"""The exams that the guests in the box sit."""
