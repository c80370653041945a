"""placeholder"""
class SeedTokenizer: pass
