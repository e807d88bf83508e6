"""A Hugging Face Space: the whole worker in one container, its one port safe to be open to the world."""
