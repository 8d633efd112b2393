"""What the gateway asks of a worker, one verb a file: its fields, what it does there, and what is answered.

Layout
    verb         what all have in common; RelayVerb and RoomVerb are about something that is open
    process      Hello, Ping, Shutdown, AwaitVideo: about the worker itself
    inventory    what it carries
    open_relay   restore_relay   add_side   remove_side   set_who_hears set_remote   send_digit   report_relay
    close_relay
    open_room    restore_room    join   join_secure   restart_ice   set_participant   show   put_picture   take_snapshot
    request_key_frame   leave   report_room   close_room
    tap_media    copies to the recorder; ask_sender: a key frame for those
    table        all of them, for those who read messages

The fields are what goes over the wire, with the name of the class as its tag; `run` and `apply` are called in the
worker alone. A new verb is a file here and a line in `table`; the gateway's half of it is a method of WorkerEngine.
"""
