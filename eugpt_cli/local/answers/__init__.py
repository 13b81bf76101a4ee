"""How the local server arrives at an answer without a model: the question, the given texts, tools, ranking."""
