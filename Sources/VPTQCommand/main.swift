print("vptq")
