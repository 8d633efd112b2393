"""A live call as a value: all that is needed to carry it on, as plain data that can be written down and read back.

    talk         everything that is known of one call (`state.Talk`)
    terms        what a leg has agreed on with its peer (`terms.Terms`)
    voice, room  what the media engine holds for the call, and what it was told
    exchange     what caller and centre want of each other's voice, and who is owed an offer
    pending      what is under way: an offer that is open, a question, a desk that waits for an answer
    live         the call as a step sees it: the value, what is under way, the facts of its legs
    commands     what a step wants done outside the value; media_commands: by the media engine
    at rest      nothing is under way: no offer, no request to the media engine, nobody who waits for an answer

What is not here belongs to one process: transactions, tasks, timers, whoever waits for an answer.
"""
