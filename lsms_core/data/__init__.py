"""The former place of modules that scripts written for 0.9 import."""
