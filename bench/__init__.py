"""`make bench`: how fast it is, how small, and how that stays so as it grows.

    __main__    the commands: `all`, and one for each group of rows
    rows        what each row drives and how its figure is made; peak and growth have files of
                their own
    world       Payseal and the bank as processes, a merchant, and what is asked of them
    load        the closed and the open loop, and what a sample of them says
    client      the HTTP connection of the generator; `trivial` is a server to measure that with
    generate    stores with millions of links
    raw         bare drivers at the same rows; conventional and baseline/ are the other stack
    process, servers, table
    partitions  a simulation of DynamoDB's partitions at the peak; `pages`, of a spread list

The server has the first core of the machine, everything else (generator, bank, PostgreSQL) the
last one. CPU per operation is the server's user and system time by /proc, all threads and its
worker included, over the operations that were answered well.
"""
