"""Programs as machine code of their own: the machine's arithmetic, to the last bit, without looking operations up.

phase     rows of a Panel                  lines     LLVM's language
live      one more bar of some columns     native    what makes machine code of it
bar       operations of one bar, and ones that remember
windows   operations of many bars
"""
