"""Learning how to weigh the experts' scores: prediction cache, rewards, the DQN and its policy."""
