"""The human pose: skeleton, normalization, kinematics, body parts and pose losses."""
