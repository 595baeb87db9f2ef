"""What the candidates come to together: the Pareto front, a pick, what goes on to a longer finetune."""
