"""What operators run or ask: the doctor, the health probes, and the creation of the tables.

`python -m shared.operate.doctor` and `python -m shared.operate.provision` are commands. The
function folder of the probes needs `contract` and the time for which `health` keeps an answer;
`app` builds `Health`.
"""
