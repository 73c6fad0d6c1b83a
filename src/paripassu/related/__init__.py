"""Systems of related papers in their smallest form: one a file, each as its paper has it where that is known.

They stand on the rest of the laboratory. A study of the same question plays or trains them.
"""
